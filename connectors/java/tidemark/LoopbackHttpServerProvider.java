package tidemark;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsServer;
import com.sun.net.httpserver.spi.HttpServerProvider;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import sun.net.httpserver.DefaultHttpServerProvider;

/**
 * Has the JDK's HTTP servers listen on the loopback interface only.
 *
 * <p>Flink's Prometheus reporter opens one on all interfaces and has no option to do otherwise. Named to the JVM by
 * {@code -Dcom.sun.net.httpserver.HttpServerProvider}; see stack/config.py.
 */
public final class LoopbackHttpServerProvider extends HttpServerProvider {
    private final HttpServerProvider usual = new DefaultHttpServerProvider();

    @Override
    public HttpServer createHttpServer(InetSocketAddress address, int backlog) throws IOException {
        return usual.createHttpServer(loopback(address), backlog);
    }

    @Override
    public HttpsServer createHttpsServer(InetSocketAddress address, int backlog) throws IOException {
        return usual.createHttpsServer(loopback(address), backlog);
    }

    private static InetSocketAddress loopback(InetSocketAddress address) {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), address.getPort());
    }
}
